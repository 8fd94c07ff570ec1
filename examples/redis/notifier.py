# The notifier across machines: it listens to a channel of Redis and publishes what comes there, the value of the key of
# the same name first. In this folder, with redis-server running:
#     supervisor run pool.ron            and then            redis-cli publish prices '{"pears": 2}'
import json
import os
import socket
import sys


def say(**message):
    line = json.dumps(message).encode() + b"\n"
    while line:
        line = line[os.write(channel, line):]


class Redis:
    """As much of its protocol as is needed: https://redis.io/docs/latest/develop/reference/protocol-spec/"""

    def __init__(self):
        address = os.environ.get("REDIS_HOST", "127.0.0.1"), int(os.environ.get("REDIS_PORT", "6379"))
        self.socket = socket.create_connection(address)
        self.replies = self.socket.makefile("rb")

    def ask(self, *words):
        parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in map(str.encode, words))
        self.socket.sendall(b"*%d\r\n%s" % (len(words), parts))

    def reply(self):
        line = self.replies.readline()
        kind, rest = line[:1], line[1:].strip()
        if kind in (b"", b"-"):
            raise SystemExit(f"redis: {line!r}")  # the supervisor starts another one
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"$" and rest != b"-1":
            return self.replies.read(int(rest) + 2)[:-2]
        return None


def publish(text):
    try:
        say(act="publish", topic=topic, data=json.loads(text or "null"))
    except ValueError:
        print(f"{topic}: not JSON: {text[:60]!r}", file=sys.stderr)


channel, topic = int(os.environ["NODE_CHANNEL_FD"]), sys.argv[1]
os.set_blocking(channel, True)
listener, reader = Redis(), Redis()
listener.ask("SUBSCRIBE", topic)
listener.reply()
reader.ask("GET", topic)  # after that, so that no change is missed between the two
publish(reader.reply())
say(act="ready")
while True:
    _, _, text = listener.reply()
    publish(text)
