"""Server 1, the yardstick: bare Starlette takes a callback's body and answers 200. It keeps nothing."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def take(request: Request) -> Response:
    """Read the body, and forget it."""
    await request.body()
    return Response(b"{}", media_type="application/json")


app = Starlette(routes=[Route("/callbacks", take, methods=["POST"])])
