"""The least that FastAPI does: one route that answers with bytes it has, without a database, a token or a check.

Environment: BARE_BODY, a file with the answer.
"""

import os
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response

app = FastAPI()
BODY = Path(os.environ["BARE_BODY"]).read_bytes()


@app.get("/bare")
def bare() -> Response:
    return Response(BODY, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
