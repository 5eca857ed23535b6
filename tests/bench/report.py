"""Medians, tables and ratios from the lines that tests/bench/run collected: CASE CLIENT key=value ..."""

import statistics
import sys

CLIENTS = ["floor", "curl", "sluice"]
GIB = 1 << 30


def read(path):
    figures = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            case, client, *pairs = line.split()
            values = {key: float(value) for key, value in (pair.split("=") for pair in pairs)}
            figures.setdefault((case, client), []).append(values)
    return figures


def main():
    figures = read(sys.argv[1])

    def median(case, client, figure):
        runs = figures.get((case, client))
        return statistics.median(figure(run) for run in runs) if runs else None

    rows = []  # name for the ratio, what a person reads, format, figure, case
    for at_once in (1, 64, 1000, 8000):
        case = f"small-{at_once}"
        rows.append((f"cpu_per_request_{at_once}", f"CPU a request, 1 KiB, {at_once} at once (us)", "{:.2f}",
                     lambda run: run["cpu"] / run["requests"] * 1e6, case))
        rows.append((f"requests_per_second_{at_once}", f"requests a second, {at_once} at once", "{:.0f}",
                     lambda run: run["requests"] / run["seconds"], case))
    for at_once in (1, 64, 256):
        case = f"http2-{at_once}"
        rows.append((f"http2_cpu_per_request_{at_once}", f"HTTP/2: CPU a request, {at_once} at once (us)", "{:.2f}",
                     lambda run: run["cpu"] / run["requests"] * 1e6, case))
        rows.append((f"http2_requests_per_second_{at_once}", f"HTTP/2: requests a second, {at_once} at once", "{:.0f}",
                     lambda run: run["requests"] / run["seconds"], case))
    for kind, what in (("plain", "new plain connections"), ("tls", "new TLS connections, resumed")):
        rows.append((f"cpu_per_new_{kind}", f"{what}: CPU each (us)", "{:.2f}",
                     lambda run: run["cpu"] / run["requests"] * 1e6, f"new-{kind}"))
        rows.append((f"new_{kind}_per_second", f"{what}: a second", "{:.0f}",
                     lambda run: run["requests"] / run["seconds"], f"new-{kind}"))
    for kind in ("plain", "tls", "http2"):
        rows.append((f"cpu_per_gib_{kind}", f"CPU a GiB, {kind} (s)", "{:.3f}",
                     lambda run: run["cpu"] / (run["bytes"] / GIB), f"large-{kind}"))
    rows.append(("memory_per_transfer_8000", "peak memory a transfer, 8000 at once (KiB)", "{:.2f}",
                 lambda run: run["memory_kib"] / 8000, "small-8000"))

    print(f"{'':48}" + "".join(f"{client:>12}" for client in CLIENTS))
    ratios = []
    for name, title, form, figure, case in rows:
        if not any((case, client) in figures for client in CLIENTS):
            continue
        values = {client: median(case, client, figure) for client in CLIENTS}
        print(f"{title:48}" + "".join(f"{'-' if v is None else form.format(v):>12}" for v in values.values()))
        for other, label in (("floor", "floor"), ("curl", "libcurl")):
            if values[other]:
                label = "h2load" if label == "floor" and "http2" in case else label
                ratios.append(f"ratio {name}_vs_{label} {values['sluice'] / values[other]:.3f}")
    def cpu(run):
        return run["cpu"]

    one, other = median("large-http2", "sluice", cpu), median("large-tls", "sluice", cpu)
    if one and other:
        ratios.append(f"ratio cpu_per_gib_http2_vs_http1_tls {one / other:.3f}")
    print("\n".join(ratios))


if __name__ == "__main__":
    main()
