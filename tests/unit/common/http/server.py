"""A small HTTP/1.1 server that does what servers should not. Prints its ports: plain, TLS."""
import socket
import ssl
import sys
import threading

state = threading.Condition()
running = most = sent = 0
is_open = False


def plain(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def gate():
    global running, most
    with state:
        running += 1
        most = max(most, running)
        state.notify_all()
        state.wait_for(lambda: is_open)
        running -= 1


def wait_for_running(count):
    with state:
        state.wait_for(lambda: running >= count)


def open_gate():
    global is_open
    with state:
        is_open = True
        state.notify_all()


def send_lines(conn, count, size):
    global sent
    line = b"x" * (size - 1) + b"\n"
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(count):
        conn.sendall(b"%x\r\n%s\r\n" % (size, line))
        with state:
            sent += size
    conn.sendall(b"0\r\n\r\n")


def answer(conn, method, path, headers, body):
    """Tells whether the connection stays open."""
    path, _, arg = path.partition("?")
    if path == "/hello":
        conn.sendall(plain("200 OK", b"hello", 'ETag: "e1"', "Content-Type: text/plain"))
    elif path == "/echo":
        text = "\n".join([method, *(f"{k}: {v}" for k, v in sorted(headers.items())), ""])
        conn.sendall(plain("200 OK", text.encode() + body))
    elif path == "/big":
        conn.sendall(plain("200 OK", b"b" * int(arg)))
    elif path == "/cut":
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        return False
    elif path == "/busy":
        conn.sendall(plain("429 Too Many Requests", b"later", "Retry-After: 7"))
    elif path == "/redirect":
        conn.sendall(plain("302 Found", b"", "Location: /hello"))
    elif path == "/hang":
        conn.recv(1)
        return False
    elif path == "/gone":
        conn.sendall(plain("410 Gone", b"too old\nby far\n"))
    elif path == "/gate":
        gate()
        conn.sendall(plain("200 OK"))
    elif path == "/running":
        wait_for_running(int(arg))
        conn.sendall(plain("200 OK"))
    elif path == "/open":
        open_gate()
        conn.sendall(plain("200 OK"))
    elif path == "/most":
        conn.sendall(plain("200 OK", str(most).encode()))
    elif path == "/sent":
        conn.sendall(plain("200 OK", str(sent).encode()))
    elif path == "/lines":
        count, _, size = arg.partition("x")
        send_lines(conn, int(count), int(size))
    elif path == "/tail":
        conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none\ntwo\nthr")
        conn.sendall(b"ee\nfour")
        return False
    elif path == "/silence":
        conn.sendall(b"HTTP/1.1 200 OK\r\n\r\nfirst\n")
        conn.recv(1)
        return False
    else:
        conn.sendall(plain("404 Not Found"))
    return True


def serve(conn):
    reader = conn.makefile("rb")
    try:
        while True:
            first = reader.readline().decode()
            if not first:
                return
            method, path, _ = first.split(" ")
            headers = {}
            while (line := reader.readline().decode().strip()):
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = reader.read(int(headers.get("content-length", 0)))
            if not answer(conn, method, path, headers, body):
                return
    except OSError:
        pass
    finally:
        reader.close()
        conn.close()


def accept(listener, context):
    while True:
        conn, _ = listener.accept()
        try:
            conn = context.wrap_socket(conn, server_side=True) if context else conn
        except OSError:
            continue
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    ports = []
    for c in (None, context):
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        ports.append(str(listener.getsockname()[1]))
        threading.Thread(target=accept, args=(listener, c), daemon=True).start()
    print(*ports, flush=True)
    sys.stdin.read()  # until the test goes away


main()
