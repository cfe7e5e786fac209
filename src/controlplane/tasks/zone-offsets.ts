/** How far the clocks of a timezone are from UTC, and when that changes. */
export class ZoneOffsets {
  readonly #format: Intl.DateTimeFormat

  constructor(timezone: string) {
    this.#format = new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'longOffset' })
  }

  /** `+02:00` */
  at(time: Date): string {
    const name = this.#format.formatToParts(time).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
    // Before there were time zones, offsets had seconds: these no task can meet.
    return /[+-]\d\d:\d\d/.exec(name)?.[0] ?? '+00:00'
  }

  /** The first time, to the second, at which the offset is no longer what it is at `from`; it must have changed at `to`. */
  changeBetween(from: Date, to: Date): Date {
    const before = this.at(from)
    let [low, high] = [Math.floor(from.getTime() / 1000), Math.ceil(to.getTime() / 1000)]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.at(new Date(middle * 1000)) === before) low = middle
      else high = middle
    }
    return new Date(high * 1000)
  }
}
