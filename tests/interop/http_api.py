"""HTTP as docs/protocol.md, section 4: JSON, byte strings in base64url without padding."""

import base64
import json
import urllib.error
import urllib.request


class Problem(Exception):
    """An RFC 9457 problem: status and code of section 4's table."""

    def __init__(self, status, document):
        self.status = status
        self.code = document.get("code", "")
        super().__init__(f"{status} {self.code}")


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Api:
    def __init__(self, url, bearer=None):
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if bearer:
            self._headers["Authorization"] = f"Bearer {bearer}"

    def call(self, method, path, body=None):
        """The JSON of the answer, or None when it has no content."""
        data = None if body is None else json.dumps(body).encode("utf-8")
        request = urllib.request.Request(
            self._url + path, data=data, headers=self._headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            raise Problem(error.code, _document(error.read())) from None
        return json.loads(content) if content else None


def _document(content):
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
