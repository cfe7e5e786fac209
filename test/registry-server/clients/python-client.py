"""Uses python3-consul as an application does: python-client.py PORT. Ends with 0 when every answer is what the client wants."""
import sys
import threading

import consul

client = consul.Consul(host="127.0.0.1", port=int(sys.argv[1]))

# kv, with a blocking read
assert client.kv.put("app/a", "one", flags=42) is True
index, entry = client.kv.get("app/a")
assert (entry["Value"], entry["Flags"]) == (b"one", 42), entry
threading.Timer(0.2, lambda: consul.Consul(port=int(sys.argv[1])).kv.put("app/a", "two")).start()
later, entry = client.kv.get("app/a", index=index, wait="10s")
assert entry["Value"] == b"two" and int(later) > int(index), entry
assert client.kv.put("app/a", "three", cas=entry["ModifyIndex"]) is True
assert client.kv.put("app/a", "four", cas=entry["ModifyIndex"]) is False
client.kv.put("app/deep/b", b"\x00\xff")
assert client.kv.get("app/", keys=True, separator="/")[1] == ["app/a", "app/deep/"]
assert [row["Value"] for row in client.kv.get("app/", recurse=True)[1]] == [b"three", b"\x00\xff"]
assert client.kv.get("app/none")[1] is None
assert client.kv.delete("app/", recurse=True) is True


def put(path):
    """What this release of the client sends as GET: Consul has asked for PUT since 1.0 and answers 405."""
    return client.http.put(consul.base.CB.bool(), path)


# services, checks and health
check = consul.Check.ttl("30s")
assert client.agent.service.register("web", service_id="web-1", address="127.0.0.1", port=80, tags=["a"], check=check)
assert client.health.service("web", passing=True)[1] == []
assert client.agent.check.ttl_pass("service:web-1") is False
assert put("/v1/agent/check/pass/service:web-1")
assert [row["Service"]["ID"] for row in client.health.service("web", passing=True, tag="a")[1]] == ["web-1"]
assert put("/v1/agent/check/warn/service:web-1")
assert [row["Status"] for row in client.health.checks("web")[1]] == ["warning"]
assert put("/v1/agent/check/fail/service:web-1")
assert "service:web-1" in [row["CheckID"] for row in client.health.state("critical")[1]]
assert client.agent.check.register("node check", check_id="own", check=consul.Check.tcp("127.0.0.1", int(sys.argv[1]), "10s"))
assert set(client.agent.checks()) == {"own", "service:web-1"}
assert put("/v1/agent/check/deregister/own")
assert list(client.agent.services()) == ["web-1"]
assert client.agent.service.maintenance("web-1", True, "rollout")
assert client.agent.service.maintenance("web-1", False)
assert client.agent.maintenance(False)
assert client.agent.self()["Member"]["Name"] == client.agent.members()[0]["Name"] == "n1"

# catalog
assert client.catalog.register("n9", "192.0.2.9", service={"Service": "db", "Port": 5432, "Tags": []})
assert client.catalog.services()[1] == {"consul": [], "db": [], "web": ["a"]}, client.catalog.services()
assert [row["Node"] for row in client.catalog.nodes()[1]] == ["n1", "n9"]
assert client.catalog.service("db")[1][0]["ServicePort"] == 5432
assert list(client.catalog.node("n9")[1]["Services"]) == ["db"]
assert client.health.node("n9")[1] == []
assert client.catalog.deregister("n9")
assert client.catalog.datacenters() == ["dc1"]

# sessions and locks
session = client.session.create("me", lock_delay=0, ttl=10, behavior="delete")
other = client.session.create("other", lock_delay=0)
assert client.kv.put("lock", "me", acquire=session) is True
assert client.kv.put("lock", "you", acquire=other) is False
assert client.session.info(session)[1]["Name"] == "me"
assert client.session.renew(session)["ID"] == session
assert len(client.session.list()[1]) == len(client.session.node("n1")[1]) == 2
assert client.kv.put("lock", "", release=session) is True
assert client.kv.put("lock", "me", acquire=session) is True
assert client.session.destroy(session) is True
assert client.kv.get("lock")[1] is None
assert client.kv.put("lock", "you", acquire=other) is True

# the rest
event = client.event.fire("deploy", "now")
assert event in [row["ID"] for row in client.event.list("deploy")[1]] or event["ID"]
query = client.query.create("web", name="nearby")["ID"]
assert client.query.get(query)[0]["Service"]["Service"] == "web"
assert client.query.execute("nearby")["Service"] == "web"
assert client.query.delete(query)
assert client.status.leader() == client.status.peers()[0]
assert client.coordinate.datacenters()[0]["Datacenter"] == "dc1"
assert isinstance(client.coordinate.nodes()[1], list)
assert client.operator.raft_config()["Servers"][0]["Leader"] is True
try:
    client.acl.list()
    raise AssertionError("ACLs are off")
except consul.ACLDisabled:
    pass
assert put("/v1/agent/service/deregister/web-1")
assert client.catalog.service("web")[1] == []
