"""Where the project's folders lie."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
# Tests and trial runs point this elsewhere, so that the committed results stay as they are.
RESULTS = Path(os.environ.get("WORKBOOK_RESULTS", ROOT / "results"))
