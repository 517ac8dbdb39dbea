"""What the tests' small servers have in common."""

import json


class Saying:
    """For a handler of `http.server`: answers in JSON, and keeps no log."""

    def say(self, answer, status=200):
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass
