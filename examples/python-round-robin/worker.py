# A worker to which the supervisor passes connections one by one, in fair turn: beside each there is a line on the
# channel, which the worker answers before it reads from the connection. In this folder:
#     supervisor run pool.ron            and then            curl localhost:8105
import json
import os
import socket

channel = socket.socket(fileno=int(os.environ["NODE_CHANNEL_FD"]))
channel.setblocking(True)


def say(**message):
    channel.sendall(json.dumps(message).encode() + b"\n")


def serve(connection):
    connection.settimeout(5)
    request = b""
    while b"\r\n\r\n" not in request:
        more = connection.recv(4096)
        if not more:
            return
        request += more
    body = f"handled by pid {os.getpid()}\n"
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())


say(act="ready")
heard, handles, leaving = b"", [], False
while not leaving:
    more, descriptors, _, _ = socket.recv_fds(channel, 65536, 4)
    handles += descriptors
    heard += more
    leaving = not more  # the supervisor is gone
    *lines, heard = heard.split(b"\n")
    for message in map(json.loads, lines):
        if message["act"] == "connection":
            say(act="accepted", seq=message["seq"])
            with socket.socket(fileno=handles.pop(0)) as connection:
                try:
                    serve(connection)
                except OSError:
                    pass  # this client's trouble
        elif message["act"] == "drain":
            leaving = True
