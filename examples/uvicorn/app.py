# An ASGI program under uvicorn, which takes the socket by its number and knows nothing of the supervisor; the program says
# that it is ready when uvicorn starts it. In this folder, with uvicorn installed:
#     supervisor run pool.ron            and then            curl localhost:8104
import os


def say(line):
    os.write(int(os.environ["NODE_CHANNEL_FD"]), line + b"\n")


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            say(b'{"act":"ready"}')
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        body = f"handled by pid {os.getpid()}\n".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})
