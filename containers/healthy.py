"""Whether the process of this container is well, as an exit code: `python -m containers.healthy [ADDRESS]`.

Without an address it is asked whether it lives, on the port on which it shows its numbers.
"""

import http.client
import os
import sys
from urllib.parse import urlsplit

_TIMEOUT_S = 4


def main(arguments: list[str]) -> int:
    metrics = f"http://127.0.0.1:{os.environ.get('METRICS_PORT', '9464')}/live"
    address = urlsplit(arguments[0] if arguments else metrics)
    # Not urllib, which would ask a proxy of the environment.
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", address.path)
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"{address.geturl()}: {error}\n")
        return 1
    finally:
        connection.close()
    sys.stderr.write(f"{address.geturl()}: {answer.status}\n")
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
