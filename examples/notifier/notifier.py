# A notifier: a worker that does nothing but look whether a file has changed, and publish what is in it.
# Everybody else is told and nobody else polls. web.py is one of them. In this folder:
#     supervisor run pools.ron           and then            echo pears: 2 >prices; curl localhost:8106
import json
import os
import sys
import time

channel = int(os.environ["NODE_CHANNEL_FD"])


def say(**message):
    line = json.dumps(message).encode() + b"\n"
    while line:
        line = line[os.write(channel, line):]


path, known = sys.argv[1], None
os.set_blocking(channel, True)
say(act="ready")
while True:
    try:
        with open(path) as file:
            now = file.read()
    except FileNotFoundError:
        now = None  # published, it takes the value away
    if now != known:
        say(act="publish", topic="prices", data=now)
        known = now
    time.sleep(0.1)
