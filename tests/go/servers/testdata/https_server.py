"""A threaded HTTPS server that says whether a connection resumed a session.

Usage: https_server.py PORT CERTIFICATE KEY. SIGTERM ends it in an orderly way.
"""

import signal
import socketserver
import ssl
import sys


class Handler(socketserver.StreamRequestHandler):
    """Answers one request of one connection."""

    timeout = 10
    # Else the answer waits until the client has confirmed the tickets of TLS 1.3.
    disable_nagle_algorithm = True

    def setup(self):
        # The handshake runs in the connection's own thread.
        self.request.settimeout(self.timeout)
        self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self):
        while self.rfile.readline().strip():
            pass
        body = b"reused=%r;" % self.request.session_reused
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def finish(self):
        super().finish()
        # A connection that is not shut down takes its session out of the cache.
        self.request.unwrap().close()


class Server(socketserver.ThreadingTCPServer):
    """Listens on loopback."""

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        # The test's look whether the port is open ends without a handshake.
        kind = sys.exc_info()[0]
        if not issubclass(kind, (ssl.SSLError, ConnectionError)):
            super().handle_error(request, client_address)


def stop(*_):
    raise SystemExit(0)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[2], sys.argv[3])
context.options |= ssl.OP_NO_TICKET
with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    signal.signal(signal.SIGTERM, stop)
    server.serve_forever(poll_interval=0.05)
