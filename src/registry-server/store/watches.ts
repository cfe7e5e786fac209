/** Called when something a read depends on may have changed. */
export type Wake = () => void

/**
 * Who waits for what. A topic is an index name (`services`, `service:web`), `key:<key>` for one KV key, or `prefix:<prefix>` for all
 * keys below it. Waiting readers are bounded by the API, so this is too.
 */
export class Watches {
  readonly #byTopic = new Map<string, Set<Wake>>()
  #prefixes = 0
  #epoch = 0

  /** Counts how often everything was replaced. */
  get epoch(): number {
    return this.#epoch
  }

  /** Listens to the topics until the returned function is called. */
  listen(topics: readonly string[], wake: Wake): () => void {
    for (const topic of topics) this.#add(topic, wake)
    return () => {
      for (const topic of topics) this.#drop(topic, wake)
    }
  }

  /** Wakes everybody who listens to one of the topics, each once. A `key:` topic wakes the watchers of its prefixes too. */
  wake(topics: Iterable<string>): void {
    const woken = new Set<Wake>()
    for (const topic of topics) {
      for (const wake of this.#byTopic.get(topic) ?? []) woken.add(wake)
      if (this.#prefixes > 0 && topic.startsWith('key:')) this.#collectPrefixes(topic.slice('key:'.length), woken)
    }
    for (const wake of woken) wake()
  }

  /** Wakes everybody, because everything was replaced. */
  wakeAll(): void {
    this.#epoch++
    this.wake([...this.#byTopic.keys()])
  }

  #collectPrefixes(key: string, woken: Set<Wake>): void {
    for (let length = 0; length <= key.length; length++) {
      for (const wake of this.#byTopic.get(`prefix:${key.slice(0, length)}`) ?? []) woken.add(wake)
    }
  }

  #add(topic: string, wake: Wake): void {
    const listeners = this.#byTopic.get(topic)
    if (listeners) return void listeners.add(wake)
    this.#byTopic.set(topic, new Set([wake]))
    if (topic.startsWith('prefix:')) this.#prefixes++
  }

  #drop(topic: string, wake: Wake): void {
    const listeners = this.#byTopic.get(topic)
    if (!listeners?.delete(wake) || listeners.size > 0) return
    this.#byTopic.delete(topic)
    if (topic.startsWith('prefix:')) this.#prefixes--
  }
}
