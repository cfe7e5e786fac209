"""The second service: it calls `stock` by name, through the proxy that HTTP_PROXY names. Python's standard library and nothing else."""

import http.server
import json
import os
import signal
import threading
import urllib.request

REGISTRY = os.environ.get("REGISTRY", "http://127.0.0.1:8500")


class Orders(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            return self.answer({})
        # An address that no DNS knows: the proxy does.
        with urllib.request.urlopen("http://stock.service/stock/book", timeout=5) as found:
            stock = json.load(found)
        self.answer({"service": "orders", "calls": "stock, by HTTP_PROXY", "stock": stock})

    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def tell_registry(path, body=b""):
    """Past the proxy: the registry is an address, and no service."""
    request = urllib.request.Request(REGISTRY + path, data=body, method="PUT")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5).close()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Orders)
port = server.server_address[1]
registration = {
    "ID": "orders-%d" % port,
    "Name": "orders",
    "Address": "127.0.0.1",
    "Port": port,
    "Check": {"HTTP": "http://127.0.0.1:%d/healthz" % port, "Interval": "1s"},
}
tell_registry("/v1/agent/service/register", json.dumps(registration).encode())
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
tell_registry("/v1/agent/service/deregister/orders-%d" % port)
