"""See tests/mutants: single-point bugs in curl's rules for proxies."""

from bugs import bug as mutant

ROWS = [
    mutant("no-proxy-boundary", "an entry of no_proxy matches in the middle of a label",
           ("proxy_rules.cpp", "return host.size() == name.size() ||", "return PLANTED || host.size() == name.size() ||")),
    mutant("no-proxy-bits", "the last bits of a block of addresses are not compared",
           ("proxy_rules.cpp", "return rest == 0 ||", "return PLANTED || rest == 0 ||")),
    mutant("no-proxy-family", "an IPv4 block matches IPv6 addresses",
           ("proxy_rules.cpp", "return block.address.kind == address->kind &&", "return (PLANTED || block.address.kind == address->kind) &&")),
    mutant("no-proxy-star", "a star in a list is every host",
           ("proxy_rules.cpp", 'all_(list == "*")', 'all_(PLANTED ? list.starts_with("*") : list == "*")')),
    mutant("proxy-upper-http", "HTTP_PROXY is read",
           ("proxy_rules.cpp", 'first_of({"http_proxy"})', 'first_of({"http_proxy", PLANTED ? "HTTP_PROXY" : "http_proxy"})')),
    mutant("proxy-empty-variable", "an empty variable counts as set",
           ("proxy_rules.cpp", "text && !text->empty()", "text && (PLANTED || !text->empty())")),
    mutant("proxy-all-first", "all_proxy counts before the variable of the scheme",
           ("proxy_rules.cpp", "return own.empty() ? all_proxy : own;", "return own.empty() || (PLANTED && !all_proxy.empty()) ? all_proxy : own;")),
    mutant("proxy-https-port", "an https proxy without a port is asked for at 1080",
           ("proxy_rules.cpp", "*kind == ProxyKind::https ? kHttpsProxyPort", "*kind == ProxyKind::https && !PLANTED ? kHttpsProxyPort")),
    mutant("proxy-excepted", "hosts of no_proxy go through the proxy",
           ("proxy_rules.cpp", "|| rules_.exceptions.matches(url)) return {};", "|| (rules_.exceptions.matches(url) && !PLANTED)) return {};")),
]
