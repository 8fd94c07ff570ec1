# A server of a few lines that inherits its listening socket, says that it is ready and that it is alive with sd_notify,
# and finishes what it holds when it is told to end. In this folder:
#     supervisor run pool.ron            and then            curl localhost:8103
import asyncio
import os
import signal
import socket

FIRST_FD = 3  # of LISTEN_FDS


def notify(text):
    """sd_notify(3), without the library."""
    address = os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.sendto(text.encode(), address)


async def serve(reader, writer):
    try:
        await reader.readuntil(b"\r\n\r\n")
        body = f"handled by pid {os.getpid()}\n"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def heartbeat():
    """More often than every WATCHDOG_USEC; without that variable nobody asks."""
    interval = int(os.environ.get("WATCHDOG_USEC", 0)) / 1e6
    while interval:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval / 2)


async def main():
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    assert os.environ["LISTEN_PID"] == str(os.getpid()), "the socket is meant for somebody else"
    server = await asyncio.start_server(serve, sock=socket.socket(fileno=FIRST_FD))
    beat = asyncio.create_task(heartbeat())
    notify("READY=1")
    await told.wait()
    server.close()
    while held := asyncio.all_tasks() - {asyncio.current_task(), beat}:
        await asyncio.wait(held)
    beat.cancel()


asyncio.run(main())
