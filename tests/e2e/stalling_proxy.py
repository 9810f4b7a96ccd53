"""A TCP proxy on loopback that can stop in the middle of what a client sends."""

import socket
import threading


class StallingProxy:
    """Forwards to `port`. While `stall_after_bytes` is set, a connection that has sent more than that is
    held: nothing more is forwarded and nothing is closed, as on a line that died silently."""

    def __init__(self, port):
        self.port = port
        self.stall_after_bytes = None
        self.stalled = threading.Event()
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._over.set()
        self._server.close()

    def _accept(self):
        while not self._over.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._pump, args=(client, upstream, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(upstream, client, False), daemon=True).start()

    def _pump(self, source, target, from_client):
        sent = 0
        try:
            while data := source.recv(65536):
                sent += len(data)
                limit = self.stall_after_bytes
                if from_client and limit is not None and sent > limit:
                    self.stalled.set()
                    self._over.wait()  # hold the line until the test is over
                    return
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
