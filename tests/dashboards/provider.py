"""An OpenID Connect provider on this machine that lets everybody in as one made-up person, to test the login."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PERSON = {"sub": "person-1", "name": "Reader One", "preferred_username": "reader1", "email": "reader1@example.org"}
CLIENT = "xaimed"


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider(BaseHTTPRequestHandler):
    """The four addresses that a login asks: metadata, authorisation, token and keys. asked: which were, in order."""

    key: ClassVar[rsa.RSAPrivateKey] = rsa.generate_private_key(65537, 2048)
    codes: ClassVar[dict[str, dict[str, str]]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Metadata, keys, and the redirect back with a code."""
        path = urlsplit(self.path).path
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            self._json({"issuer": self._own, "authorization_endpoint": f"{self._own}/authorize",
                        "token_endpoint": f"{self._own}/token", "jwks_uri": f"{self._own}/keys",
                        "code_challenge_methods_supported": ["S256"],
                        "id_token_signing_alg_values_supported": ["RS256"]})
        elif path == "/keys":
            numbers = self.key.public_key().public_numbers()
            self._json({"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
                                  "n": _packed(numbers.n.to_bytes(256, "big")), "e": _packed(b"\x01\x00\x01")}]})
        else:
            self._authorise()

    def do_POST(self) -> None:
        """The token, for a code that was given out and the verifier that belongs to it."""
        self.asked.append(urlsplit(self.path).path)
        given = {name: value[0] for name, value in parse_qs(
            self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
        known = self.codes.pop(given["code"], None)
        challenge = _packed(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        if known is None or known["code_challenge"] != challenge or known["redirect_uri"] != given["redirect_uri"]:
            self._json({"error": "invalid_grant"}, 400)
            return
        self._json({"access_token": "none", "token_type": "Bearer", "expires_in": 600,
                    "id_token": self._token(known["nonce"])})

    def _authorise(self) -> None:
        given = {name: value[0] for name, value in parse_qs(urlsplit(self.path).query).items()}
        code = hashlib.sha256(given["state"].encode()).hexdigest()
        self.codes[code] = given
        self.send_response(302)
        self.send_header("Location", f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}")
        self.end_headers()

    def _token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self._own, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": nonce, **PERSON}
        text = ".".join(_packed(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims))
        return f"{text}.{_packed(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    @property
    def _own(self) -> str:
        host = self.server.server_address
        return f"http://localhost:{host[1]}"

    def _json(self, content: object, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of http.server
        """Nothing: tests are quiet."""


@contextmanager
def provider() -> Iterator[str]:
    """The address of a provider that listens on this machine alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
