"""`python -m bench.baselines bare_upload PORT`: one of them, with uvicorn told what the gateway tells it."""

import sys

import uvicorn


def main(name: str, port: int) -> None:
    uvicorn.run(
        f"bench.baselines.{name}:app",
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
