"""The permitted structure of the tree: layers, libraries, symbols, names. The rules that read these tables are in this folder."""

# ---- the house: a file includes its own room and rooms on lower floors --------------------------------------------------
# Longest prefix wins. Two rooms on the same floor know nothing of each other.
ROOMS = {
    "core/base": 1,
    "core/hash": 1,
    "core/url": 2,
    "core/rules": 2,
    "core/http": 2,
    "core/tls": 2,
    "core/content": 2,
    "core/http1": 3,
    "core/http2": 3,
    "core/channel": 4,
    "core/proxy": 4,
    "core/pool": 5,
    "core/flow": 5,
    "core/engine": 6,
    "adapters/net": 10,
    "adapters/resolver": 11,
    "adapters/sim": 10,
    "adapters/transport": 11,
    "adapters/multi": 12,
    "adapters/cli/demo": 14,
    "adapters/cli": 15,
}
# The core's public headers are the words everyone speaks, so they are below every room. Their sources use base/, and a source with a room
# of its own name uses that. The two boundaries, headers and sources, are on the engine's floor.
CORE_WORDS_FLOOR = 0
CORE_SOURCE_FLOOR = 1
CORE_SOURCES = {"core/url": 2, "core/features": 4, "core/netrc": 3, "core/proxy_rules": 3, "core/alt_svc": 3, "core/hsts": 3, "core/resume": 3, "core/segments": 3}
CORE_FRONT = {"core/engine": 6, "core/connection": 6}
# The adapters' public files, header and source: each has a row here. One that has a room of its own name belongs to that room; of all
# others on one floor none may know another, as two rooms may not.
ADAPTER_FRONT = {
    "adapters/sim_origin": 7,
    "adapters/transferred": 7,
    "adapters/transport": 8,
    "adapters/environment": 9,
    "adapters/sim": 10,
    "adapters/trust": 11,
    "adapters/gssapi": 11,
    "adapters/gssapi_absent": 12,  # gssapi.hpp in a build without it
    "adapters/multi": 12,
    "adapters/coroutine": 13,
    "adapters/doh": 13,
    "adapters/epoll": 13,
    "adapters/fetch": 13,
    "adapters/glib": 13,
    "adapters/libevent": 13,
    "adapters/libuv": 13,
    "adapters/select": 13,
    "adapters/streamed_fetch": 13,
    "adapters/traced_handler": 13,
    "adapters/asio": 14,  # its async_fetch is made of coroutine.hpp
}
# Installed with the public headers, being a word that some of them speak.
PUBLIC_FROM_ROOMS = ("core/base/random.hpp",)
# The rooms of the core that adapters may enter; all else of the core they know by its public headers.
CORE_ROOMS_FOR_ADAPTERS = ("core/base",)

# ---- libraries: which folder may include which ------------------------------------------------------------------------
VERSIONS = "adapters/cli/library_versions"  # --version says them
LIBRARIES = {
    "openssl/": ("core/hash", "core/tls", "adapters/cli/demo", "adapters/sim", VERSIONS),
    "llhttp.h": ("core/http1", VERSIONS),
    "libpsl.h": ("core/rules/public_suffix",),
    "idn2.h": ("core/url/idn",),
    "nghttp2/": ("core/http2", "adapters/sim/http2_server"),
    "zlib.h": ("core/content/zlib_decoder",),
    "brotli/": ("core/content/brotli_decoder",),
    "zstd": ("core/content/zstd_decoder",),
    "ares.h": ("adapters/resolver", VERSIONS),
    "ares_": ("adapters/resolver",),
    "CLI/": ("adapters/cli",),
    "gssapi/": ("adapters/gssapi",),
    "uv.h": ("adapters/libuv",),
    "event2/": ("adapters/libevent",),
    "asio.hpp": ("adapters/asio",),
    "asio/": ("adapters/asio",),
    "glib.h": ("adapters/glib",),
}

# ---- the core's headers: nothing that can reach the world ----------------------------------------------------------------
CORE_STANDARD_HEADERS = set("""
    algorithm array bit cassert cctype charconv chrono climits compare concepts cstddef cstdint cstdlib cstring deque expected
    functional initializer_list iterator limits list map memory new numeric optional queue ranges set span stdexcept
    string string_view system_error tuple type_traits unordered_map unordered_set utility variant vector version
""".split())
CORE_OTHER_HEADERS = {
    "sys/time.h": ("core/tls",),  # struct timeval is how BoringSSL is told the time
}

# ---- the core's imports: regular expressions over demangled names; what none of them takes fails -----------------------------
ALLOWED_IMPORTS = [
    # the C library: memory and text
    r"(mem(cpy|move|set|cmp|chr|rchr|mem)|bcmp|str(len|nlen|cmp|ncmp|chr)|abort|malloc|free|realloc|calloc)",
    r"__(mem\w+|str\w+)_chk|__stack_chk_fail",
    r"__assert_fail",  # how SLUICE_CHECK stops
    # the language's runtime
    r"operator (new|delete)(\[\])?\(.*\)|__cxa_\w+|__dynamic_cast|__gxx_personality_v0|_Unwind_Resume|__dso_handle|_GLOBAL_OFFSET_TABLE_",
    r"(vtable|typeinfo|typeinfo name|VTT) for (__cxxabiv1::|std::).*",
    r"__libc_single_threaded|__gthrw_.*",  # how shared_ptr counts
    # containers, text and exceptions of libstdc++
    r"std::__throw_\w+\(.*\)",
    r"std::(__cxx11::)?basic_string(_view)?<char,.*|std::(__cxx11::)?to_string\(.*",
    r"std::(__detail::(_Prime_rehash_policy|_List_node_base)::|_Hash_bytes|_Rb_tree_).*",
    r"std::(exception|bad_alloc|bad_array_new_length|bad_variant_access|bad_optional_access|logic_error|length_error|"
    r"out_of_range|runtime_error|invalid_argument|bad_expected_access|bad_function_call|type_info)::.*",
    r"std::(terminate\(\)|nothrow|uncaught_exceptions?\(\)|get_new_handler\(\)|__glibcxx_assert_fail\(.*)",
    r"std::_V2::(error_category|generic_category|system_category).*|std::(error_code|error_condition)::.*",
    r"std::_Sp_make_shared_tag::.*|std::_Sp_counted_base<.*",
    r"std::allocator<.*",  # where nothing is inlined
    r"std::(to|from)_chars\(.*|std::__detail::__(to|from)_chars.*",
    # BoringSSL
    r"HMAC|(SSL|MD4|MD5|X509V?3?|EVP|BIO|ERR|PEM|BN|EC|ECDSA|RSA|ASN1|OPENSSL|CRYPTO|SHA\d+|HMAC|CBS|CBB|sk|GENERAL_(NAMES?|SUBTREE)|AES|d2i|i2d|"
    r"PKCS\d+|NAME_CONSTRAINTS|DIST_POINT|OBJ|TLS|ED25519)_\w+|(d2i|i2d|a2i)_\w+|sk_\w+",
    # llhttp
    r"llhttp_\w+",
    # libpsl: its own data; psl_latest and psl_load_file would read files
    r"psl_(builtin|is_public_suffix)",
    # libidn2: the conversion that knows no locale
    r"idn2_(to_ascii_8z|free)",
    # the decoders of content codings; of zlib only what works in memory
    r"inflate(Init2_|Reset2?|End)?",
    r"BrotliDecoder\w+",
    r"ZSTD_(createDCtx_advanced|freeDCtx|DCtx_setParameter|decompressStream|isError|getErrorName)",
    # libnghttp2
    r"nghttp2_\w+",
    # this build's sanitizers
    r"__(asan|ubsan|lsan|tsan|sanitizer|sancov|msan)_\w+|__(start|stop)_asan_globals|__gcov_\w+",
]
# Taken out of the categories above again: they reach the world.
DENIED_IMPORTS = [
    r"RAND_\w+",
    r"(BIO_new|BIO_s)_(file|fp|socket|fd|connect|mem_fp)|BIO_new_file",
    r"SSL_(CTX_)?use_\w+_file|SSL_CTX_use_certificate_chain_file|SSL_set_[rw]?fd|SSL_load_client_CA_file",
    r"SSL_CTX_load_verify_locations|\w+_set_default_(verify_)?paths|X509_STORE_load_locations|X509_(load|lookup)_\w*file\w*",
    r"PEM_(read|write)_(?!bio)\w+|\w+_print_errors_fp|\w+_print_fp",
    r".*\bchrono::.*::now\(\)",
]
# Sections that a running program writes to. Relocated constants live in .data.rel.ro, which the loader seals.
WRITABLE_SECTIONS = r"\.(data|bss|tdata|tbss|ldata|lbss)(?!\.rel\.ro)(\..*)?"
# Symbols there that are no state of ours.
HARMLESS_DATA = "|".join([
    r"_?__asan_.*|\.?L?_?_?(asan|ubsan|lubsan)\w*|DW\.ref\..*|__odr_asan.*",
    r"(.*::)?k[A-Z]\w*",  # constants by their name: gcc 12 keeps inline ones of a deduced type beside the data
    r"(guard variable for )?sluice::error_category\(\)::category",  # an error category is its address; it has no state
])

# The names that BoringSSL's symbols begin with in our libraries (core/tls/boringssl/build).
BORINGSSL_PREFIX = "sluice_boringssl_"
# Demangled names of what is within our archives and not our code.
PRIVATE_NAMES = r"(\w+ )*sluice_boringssl|.*bssl::sluice_boringssl::|_?llhttp_|std::|DW\.ref\."

# What the shared core may load, sanitizers of this build included.
CORE_LOADS = r"libllhttp\.so.*|libstdc\+\+\.so.*|libgcc_s\.so.*|libc\.so.*|libm\.so.*|lib(asan|ubsan|tsan)\.so.*|ld-linux.*"
# And these, if the core is built with them: the file and what an object of the core must then import.
CORE_LOADS_FOR_IMPORTS = {
    r"libpsl\.so.*": r"psl_\w+",
    r"libidn2\.so.*": r"idn2_\w+",
    r"libz\.so.*": r"inflate\w*",
    r"libbrotli(dec|common)\.so.*": r"BrotliDecoder\w+",
    r"libzstd\.so.*": r"ZSTD_\w+",
    r"libnghttp2\.so.*": r"nghttp2_\w+",
}
# What nothing of ours may load: BoringSSL is within.
TLS_LOADS = r"lib(ssl|crypto)\.so.*"
# What the shared libraries may export, mangled: what has to do with namespace sluice. And names of TLS libraries, which they may not import.
EXPORTS = r"_Z.*(?<!\d)6sluice.*"
TLS_NAMES = r"(SSL|X509V?3?|EVP|BIO|ERR|PEM|BN|EC|ECDSA|RSA|ASN1|OPENSSL|CRYPTO|SHA\d*|HMAC|CBS|CBB|sk|AES|d2i|i2d|PKCS\d+|OBJ|TLS|RAND)_\w+"

# ---- maps: what a person reads first -----------------------------------------------------------------------------------------
SECURITY_BAR = "tests/security-bar.md"
NOT_BUILT = "not built yet"  # how a row of it says that no test holds it
MAPS = ("README.md", "core/README.md", "adapters/README.md", "tests/README.md", "fuzz/README.md", SECURITY_BAR)
# Each folder right below one of these is on the map beside it, as `NAME/`.
MAPPED_FOLDERS = ("core", "adapters", "tests", "fuzz")
ERRORS = "core/error.hpp"
ERROR_TABLE = "README.md"

# ---- names, sizes, keys ------------------------------------------------------------------------------------------------
TOP_LEVEL = {"core", "adapters", "tests", "fuzz", "meson.build", "meson_options.txt", "README.md", "LICENSE"}
IGNORED_TOP_LEVEL = {"build"}  # where the scripts build; never committed
MAX_LINES = 500
MAX_LINES_OF_EXAMPLES = 89  # tests/README.md: "below 90 lines"
FORMATTER = "clang-format-19"
EXAMPLES = "tests/examples/"
EXAMPLES_TEST = "tests/examples/examples_test.cpp"
COUNTED_SUFFIXES = (".cpp", ".hpp", ".h", ".c", ".py", ".sh", ".build", ".txt", ".md")
SECURITY_KEYS = sorted(
    f"SB-{number:02d}"
    for number in range(1, 92))
# The rows about what a peer sends that is malformed or hostile: an input for the target named carries each in its file's name. The rows
# about HTTP/2 (22, 64 to 69) are those of http2_session.
RESPONSE_KEYS = {
    "http1_response": [*range(12, 22), 24, 26, 40, 41, *range(55, 62), 71, 72, 76],
    "http2_session": [22, *range(64, 70)],
    "chunked": [13, 17, 57, 59],
    "content_coding": [20, 21],
    "cookies": [24, 70, 71, 72, 73],
    "engine": [16, 61],
    "certificate_names": [8, 9, 49, 50],
    "tls_records": [16, 54],
}
REASONS = "fuzz/unreached.txt"
MAX_CORPUS_FILE_BYTES = 4096
MAX_CORPUS_BYTES = 300 * 1024
