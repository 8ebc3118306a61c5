"""Import this before `openvino`, which reports each import to Google Analytics and leaves an id in ~/intel.

It takes a stub where the package that does so cannot be imported.
"""

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
