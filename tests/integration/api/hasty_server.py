"""The gateway with less patience, so that waiting for its end is short: `python -m …hasty_server`."""

import sys

from veilgate.stop_request import StopRequest

if __name__ == "__main__":
    stop_request = StopRequest()

import api_server
from veilgate.api import request_body, stream_answer
from veilgate.wiring.http_protocol import GatewayProtocol

HEAD_S = 2.0
SILENCE_S = 3.0
UNREAD_ANSWER_S = 3.0
UNREAD_STREAM_S = 1.5

if __name__ == "__main__":
    GatewayProtocol.head_s = HEAD_S
    GatewayProtocol.unread_answer_s = UNREAD_ANSWER_S
    request_body._SILENCE_S = SILENCE_S
    stream_answer._UNREAD_S = UNREAD_STREAM_S
    exit_code = api_server.main(stop_request)
    stop_request.is_granted()
    sys.exit(exit_code)
