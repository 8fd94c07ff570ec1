# Answers from the newest prices that it was told of, and never asks for them: who subscribes hears what is true now and
# then every change. The notifier who knows them is notifier.py. In this folder:
#     supervisor run pools.ron           and then            echo pears: 2 >prices; curl localhost:8106
import json
import os
import selectors
import socket

channel = socket.socket(fileno=int(os.environ["NODE_CHANNEL_FD"]))
listener = socket.socket(fileno=3)
listener.setblocking(False)
prices, heard = None, b""


def say(**message):
    channel.sendall(json.dumps(message).encode() + b"\n")


def hear():
    global prices, heard
    more = channel.recv(65536)
    if not more:
        raise SystemExit  # the supervisor is gone
    *lines, heard = (heard + more).split(b"\n")
    for message in map(json.loads, lines):
        if message["act"] == "update":
            prices = message["data"]
        elif message["act"] == "drain":
            raise SystemExit  # an answer takes no time, so none is under way


def answer():
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return  # another worker was quicker
    with connection:
        connection.settimeout(1)
        body = f"{os.getpid()} knows: {prices}\n".encode()
        try:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        except OSError:
            pass  # this client's trouble


channel.setblocking(True)
say(act="subscribe", topic="prices")
say(act="ready")
selector = selectors.DefaultSelector()
selector.register(channel, selectors.EVENT_READ, hear)
selector.register(listener, selectors.EVENT_READ, answer)
while True:
    for key, _ in selector.select():
        key.data()
