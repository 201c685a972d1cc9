add_fuzz_target(net_frame common_net)
add_fuzz_target(csr common_tls)
add_fuzz_target(pem common_tls)
add_fuzz_target(cert_uri common_tls)
