"""An OpenID provider that others wrote (`oidc-provider-mock`), with new keys at each start. Prints its port; ends when
standard input does. Argument: the port.

Beside what the provider does of itself, `GET /mint?CLAIM=VALUE..` makes an access token that is a JWT, signed with the
provider's key: `aud`, `exp` (seconds from now) and any other claim.
"""

import contextlib
import io
import os
import sys
import threading
import time

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

# Its libraries warn of each other's age, which says nothing about Tidegate.
with contextlib.redirect_stderr(io.StringIO()):
    import flask
    import werkzeug.serving
    from authlib.jose import jwt
    from oidc_provider_mock import app as provider
    from oidc_provider_mock._storage import storage


class Quiet(werkzeug.serving.WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


app = provider()


@app.get("/mint")
def mint():
    claims = dict(flask.request.args)
    now = int(time.time())
    claims |= {"iss": flask.request.host_url.rstrip("/"), "iat": now, "exp": now + int(claims.get("exp", "600"))}
    key = storage.jwk.as_dict(is_private=True)
    return jwt.encode({"alg": "RS256", "kid": storage.jwk.thumbprint(), "typ": "at+jwt"}, claims, key).decode()


server = werkzeug.serving.make_server(
    "127.0.0.1", int(sys.argv[1]), app.wsgi_app, threaded=True, request_handler=Quiet
)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
