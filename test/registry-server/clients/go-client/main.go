// What the Go client of Consul does for the programs that use it, one thing after the other: `go-client ADDRESS [impatient]`.
// It prints a line for each, and ends with 1 at the first that is not as it should be.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
)

func check(what string, err error) {
	if err != nil {
		fmt.Println("FAIL", what, err)
		os.Exit(1)
	}
}
func want(what string, ok bool) {
	if !ok {
		fmt.Println("FAIL", what)
		os.Exit(1)
	}
	fmt.Println("ok", what)
}

func main() {
	c, err := api.NewClient(&api.Config{Address: os.Args[1]})
	check("client", err)
	kv := c.KV()
	_, err = kv.Put(&api.KVPair{Key: "go/a", Value: []byte("1"), Flags: 18446744073709551615}, nil)
	check("put", err)
	p, m, err := kv.Get("go/a", nil)
	check("get", err)
	want("kv flags of 64 bits", p.Flags == 18446744073709551615 && string(p.Value) == "1" && m.LastIndex > 0)
	p, _, err = kv.Get("go/none", nil)
	want("a key that is not there is nil", p == nil && err == nil)
	ok, _, err := kv.CAS(&api.KVPair{Key: "go/a", Value: []byte("2"), ModifyIndex: 1}, nil)
	want("a stale cas fails", !ok && err == nil)
	done := make(chan uint64)
	go func() {
		_, m, err := kv.List("go/", &api.QueryOptions{WaitIndex: m.LastIndex, WaitTime: 20 * time.Second})
		check("blocking list", err)
		done <- m.LastIndex
	}()
	time.Sleep(50 * time.Millisecond)
	_, err = kv.Put(&api.KVPair{Key: "go/b", Value: []byte("1")}, nil)
	check("put", err)
	want("a blocking list is woken", <-done > m.LastIndex)
	keys, _, err := kv.Keys("go/", "/", nil)
	want("keys", err == nil && len(keys) == 2)
	res, resp, _, err := kv.Txn(api.KVTxnOps{{Verb: api.KVSet, Key: "go/t", Value: []byte("x")}, {Verb: api.KVGet, Key: "go/t"}}, nil)
	check("txn", err)
	want("a transaction", res && len(resp.Results) == 2)
	res, resp, _, err = kv.Txn(api.KVTxnOps{{Verb: api.KVCheckNotExists, Key: "go/t"}}, nil)
	want("a transaction that fails says where", err == nil && !res && len(resp.Errors) == 1)
	tx, tr, _, err := c.Txn().Txn(api.TxnOps{&api.TxnOp{Node: &api.NodeTxnOp{Verb: api.NodeSet, Node: api.Node{Node: "gonode", Address: "10.0.0.1"}}}, &api.TxnOp{Service: &api.ServiceTxnOp{Verb: api.ServiceSet, Node: "gonode", Service: api.AgentService{ID: "gs", Service: "gs", Port: 1}}}, &api.TxnOp{Check: &api.CheckTxnOp{Verb: api.CheckSet, Check: api.HealthCheck{Node: "gonode", CheckID: "gc", Name: "gc", Status: "passing", ServiceID: "gs"}}}}, nil)
	check("catalog txn", err)
	want("a transaction on the catalog", tx && len(tr.Results) == 3)

	err = c.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "web-1", Name: "web", Port: 80, Tags: []string{"a", "b"}, Meta: map[string]string{"v": "1"}, Check: &api.AgentServiceCheck{TTL: "30s", Status: "passing"}})
	check("register", err)
	entries, hm, err := c.Health().ServiceMultipleTags("web", []string{"a", "b"}, true, nil)
	check("health", err)
	want("health by several tags", len(entries) == 1 && entries[0].Service.Meta["v"] == "1" && entries[0].Service.Weights.Passing == 1)
	go func() {
		e, _, err := c.Health().Service("web", "", true, &api.QueryOptions{WaitIndex: hm.LastIndex, WaitTime: 20 * time.Second})
		check("blocking health", err)
		done <- uint64(len(e))
	}()
	time.Sleep(50 * time.Millisecond)
	check("fail ttl", c.Agent().FailTTL("service:web-1", "down"))
	want("a blocking health query is woken", <-done == 0)
	check("update ttl", c.Agent().UpdateTTL("service:web-1", "up", "pass"))
	st, info, err := c.Agent().AgentHealthServiceByID("web-1")
	want("agent health", err == nil && st == "passing" && info.Service.ID == "web-1")
	check("maint", c.Agent().EnableServiceMaintenance("web-1", "why"))
	st, _, err = c.Agent().AgentHealthServiceByName("web")
	want("agent health by name", err == nil && st == "critical")
	check("maint", c.Agent().DisableServiceMaintenance("web-1"))
	svcs, err := c.Agent().ServicesWithFilter(`Service == "web" and "a" in Tags`)
	want("agent services by filter", err == nil && len(svcs) == 1)
	svc, qm, err := c.Agent().Service("web-1", nil)
	want("agent service with its hash", err == nil && svc.ContentHash != "" && qm.LastContentHash == svc.ContentHash)
	cs, _, err := c.Catalog().Services(&api.QueryOptions{AllowStale: true, UseCache: true})
	want("catalog services", err == nil && len(cs["web"]) == 2)
	nodes, _, err := c.Catalog().Nodes(&api.QueryOptions{Near: "_agent", Filter: `Node != "gonode"`})
	want("catalog nodes", err == nil && len(nodes) == 1)
	ns, _, err := c.Catalog().NodeServiceList("gonode", nil)
	want("node services", err == nil && len(ns.Services) == 1)
	cp, _, err := c.Health().Connect("web", "", false, nil)
	want("health connect", err == nil && len(cp) == 0)
	self, err := c.Agent().Self()
	want("self", err == nil && self["Config"]["Datacenter"] == "dc1")
	mem, err := c.Agent().Members(false)
	want("members", err == nil && len(mem) == 1)
	_, err = c.Agent().Host()
	check("host", err)
	_, err = c.Agent().Metrics()
	check("metrics", err)

	l1, err := c.LockOpts(&api.LockOptions{Key: "go/lock", SessionTTL: "10s"})
	check("lock", err)
	lost, err := l1.Lock(nil)
	check("lock", err)
	want("a lock", lost != nil)
	l2, _ := c.LockOpts(&api.LockOptions{Key: "go/lock", LockTryOnce: true, LockWaitTime: 200 * time.Millisecond})
	ch, err := l2.Lock(nil)
	want("a second holder is not let in", err == nil && ch == nil)
	check("unlock", l1.Unlock())
	ch, err = l2.Lock(nil)
	want("the next holder is", err == nil && ch != nil)
	pair, _, _ := kv.Get("go/lock", nil)
	_, err = c.Session().Destroy(pair.Session, nil)
	check("destroy", err)
	select {
	case <-ch:
		fmt.Println("ok a holder learns that its session is gone")
	case <-time.After(10 * time.Second):
		want("a holder learns that its session is gone", false)
	}
	var sem [3]*api.Semaphore
	for i := range sem {
		sem[i], err = c.SemaphoreOpts(&api.SemaphoreOptions{Prefix: "go/sem", Limit: 2, SemaphoreTryOnce: true, SemaphoreWaitTime: 200 * time.Millisecond})
		check("semaphore", err)
	}
	a, err := sem[0].Acquire(nil)
	check("semaphore", err)
	b, err := sem[1].Acquire(nil)
	check("semaphore", err)
	d, err := sem[2].Acquire(nil)
	want("a semaphore lets two in and no third", err == nil && a != nil && b != nil && d == nil)
	check("release", sem[0].Release())
	d, err = sem[2].Acquire(nil)
	want("and the third when one has left", err == nil && d != nil)
	check("release", sem[1].Release())
	check("release", sem[2].Release())
	check("destroy", sem[2].Destroy())

	id, _, err := c.Session().CreateNoChecks(&api.SessionEntry{Name: "renewed", TTL: "10s", Behavior: "delete"}, nil)
	check("session", err)
	stop := make(chan struct{})
	ended := make(chan error)
	go func() { ended <- c.Session().RenewPeriodic("10s", id, nil, stop) }()
	time.Sleep(20 * time.Millisecond)
	close(stop)
	want("a renewed session ends with its renewal", <-ended == nil)
	s, _, err := c.Session().Info(id, nil)
	want("its session is destroyed", err == nil && s == nil)

	seen := make(chan int, 64)
	plan, err := watch.Parse(map[string]interface{}{"type": "service", "service": "web", "passingonly": true})
	check("plan", err)
	plan.Handler = func(_ uint64, raw interface{}) { seen <- len(raw.([]*api.ServiceEntry)) }
	go plan.RunWithClientAndLogger(c, nil)
	first := <-seen
	check("deregister", c.Agent().ServiceDeregister("web-1"))
	next := first
	for next != 0 {
		select {
		case next = <-seen:
		case <-time.After(10 * time.Second):
			want("a watch plan sees a service leave", false)
		}
	}
	plan.Stop()
	want("a watch plan sees a service come and leave", first == 1 && next == 0)

	qid, _, err := c.PreparedQuery().Create(&api.PreparedQueryDefinition{Name: "goq", Service: api.ServiceQuery{Service: "gs", OnlyPassing: true}}, nil)
	check("query", err)
	qr, _, err := c.PreparedQuery().Execute("goq", nil)
	want("a prepared query", err == nil && len(qr.Nodes) == 1)
	_, err = c.PreparedQuery().Delete(qid, nil)
	check("query", err)
	eid, _, err := c.Event().Fire(&api.UserEvent{Name: "goe", Payload: []byte("x")}, nil)
	check("event", err)
	var evs []*api.UserEvent
	for i := 0; i < 100 && len(evs) == 0; i++ {
		evs, _, err = c.Event().List("goe", nil)
		check("event", err)
		time.Sleep(20 * time.Millisecond)
	}
	want("an event", len(evs) == 1 && evs[0].ID == eid)
	snap, _, err := c.Snapshot().Save(nil)
	check("snapshot", err)
	check("restore", c.Snapshot().Restore(nil, snap))
	snap.Close()
	// A server of Consul is unhealthy for its first seconds, and may hold its log lines back.
	if len(os.Args) > 2 {
		_, err = c.Operator().AutopilotServerHealth(nil)
		check("autopilot", err)
		lines, err := c.Agent().Monitor("debug", stopLater(), nil)
		check("monitor", err)
		go c.Status().Leader()
		select {
		case line := <-lines:
			want("monitor", line != "")
		case <-time.After(10 * time.Second):
			want("monitor tells", false)
		}
	}
	raft, err := c.Operator().RaftGetConfiguration(nil)
	want("raft", err == nil && len(raft.Servers) == 1)
	_, _, err = c.ACL().TokenList(nil)
	want("acl is off", err != nil)
	_, err = c.Catalog().Deregister(&api.CatalogDeregistration{Node: "gonode"}, nil)
	check("deregister", err)
	fmt.Println("done")
}

func stopLater() chan struct{} {
	ch := make(chan struct{})
	time.AfterFunc(5*time.Second, func() { close(ch) })
	return ch
}
