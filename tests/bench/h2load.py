"""h2load as one of the clients of tests/bench/run: URL AT_ONCE REQUESTS, all over one connection. Prints the line that
figures.hpp prints. A run of the first round alone is subtracted: h2load has no other warm-up that counts requests."""

import os
import re
import subprocess
import sys
import time


def run(url, at_once, requests):
    """CPU seconds, seconds, and bytes of bodies."""
    begin = time.monotonic()
    child = subprocess.Popen(["h2load", "-t1", "-c1", f"-m{at_once}", f"-n{requests}", url], stdout=subprocess.PIPE, text=True)
    said = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begin
    if child.returncode != 0 or f"{requests} succeeded" not in said or "Application protocol: h2\n" not in said:
        sys.exit("h2load: " + said)
    body = re.search(r"traffic: .*\((\d+)\) data", said)
    return used.ru_utime + used.ru_stime, seconds, int(body[1]), used.ru_maxrss


def main():
    url, at_once, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    first = run(url, at_once, at_once) if requests > 1 else (0, 0, 0, 0)
    cpu, seconds, size, memory = run(url, at_once, requests + (at_once if requests > 1 else 0))
    print(f"requests={requests} bytes={size - first[2]} seconds={seconds - first[1]:.6f} cpu={cpu - first[0]:.6f} memory_kib={memory}")


if __name__ == "__main__":
    main()
