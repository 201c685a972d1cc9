// csrs: certificate requests that must be refused or read, made with openssl req (base64 of DER).
//
// Threads: any; all of it is constant.
#pragma once

static const char csr_rsa[] =
    "MIICRTCCAS0CAQAwADCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAOZe/pAWaVmv/AQeqKkf"
    "203td6bMS9P8LUaYSUeRI8tbhPodkjhUPEXlAkciS3U22juHtPKW2O0ZTuR78xtAd07DvelsSlyxDeJ6"
    "lXtrSXmuw8MKZfryht70cPKOSSbP5IAlx6+QRwOa66rpXqvBqAJbfmW0HkL1QHaw7miS8RAc1Gv2siAx"
    "XAlgcip12a8lMuFx5D6SGbzlCCvkHV11vobIZAdADJMMS246sm1g0spZr/7cZoCJPjgzIY2F5yxRpSDa"
    "x+nXQDTX3QfYv5lepfGu9V/jvQJPRMJ6a982fFr/kmFZfjoG041PgYB3/XmaUK+NEvLZ/tNPzlRwa+Vi"
    "z3cCAwEAAaAAMA0GCSqGSIb3DQEBCwUAA4IBAQBGENNuDU/qvVu9rzqVX4xij8k0qQsfFVQc/7YqrwGN"
    "vwtNG4Khx1V9Wa+lRVhh1tER+mjdcdttDFQjb0Gw+8cox7+7iWSaNy1sux7HchWOjdQX8xk3ZvNSquNp"
    "usLj9AGlbu2/NLc6S5jZcKh0o3UEAcdvE7hceRkGNE1dpRavycMlYPJ0GloybvFnRjWeZewKpkBpHAm+"
    "RHR5mk99bUqaIkKJOSEy72cwpo7LwJyBhE7S9lgS5DoOXLx4uwh7IuuRwFB2NJu+tiVWHnqFgy1t9jec"
    "9NEyHTNuF1x1zOA6hhhW9/e48b6QIipoldmxs42P+Lxk5IbULB2rpsYQgL8m";

static const char csr_p384[] =
    "MIH4MH8CAQAwADB2MBAGByqGSM49AgEGBSuBBAAiA2IABHpW8QO3qabn7ojdTX479RWIlcdW3knVVljz"
    "UEdBcb9/47GtDYPei1oO0Kb0qE15J2djJzkXFOXufkmfJzDJtF0NCS8NfLS81lB9qSrXhDbUlKH9lyBV"
    "zGqNfuJ/9MqaFKAAMAoGCCqGSM49BAMCA2kAMGYCMQClrcuCKdsGRHJ4vL5xbxwnNuVu4mBQ1LRnZVkm"
    "cv1Usd74lzeVCJLZf0OtmHHc318CMQC+kOTUabznTvxKp5w00D/pJiqewDanjmCNS9gvudaYk7434I6h"
    "zAOT9Hk+ekGnA30=";

static const char csr_explicit_curve[] =
    "MIIBrzCCAVYCAQAwADCCAUswggEDBgcqhkjOPQIBMIH3AgEBMCwGByqGSM49AQECIQD/////AAAAAQAA"
    "AAAAAAAAAAAAAP///////////////zBbBCD/////AAAAAQAAAAAAAAAAAAAAAP///////////////AQg"
    "WsY12Ko6k+ez671VdpiGvGUdBrDMU7D2O848PifSYEsDFQDEnTYIhucEk2pmeOETnSa3gZ9+kARBBGsX"
    "0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/"
    "UfUCIQD/////AAAAAP//////////vOb6racXnoTzucrC/GMlUQIBAQNCAASrPaLIPgmYUUeRfqd6njAV"
    "t3kSP7/TJy+l/v4vp0AB5s3l9hGyTOsN2xAR5yJoizoiSygDQqQd73Lj+bY8AHYCoAAwCgYIKoZIzj0E"
    "AwIDRwAwRAIgCDu+EI+sfZJwRnRRqYzNCYQQzM6hNIhlgmKW0d0ozBYCIFPJNJbErIjGZ4u4/kf1r4RR"
    "FiZVGPqQIiliS+dTCnKv";

static const char csr_compressed_point[] =
    "MIGaMEICAQAwADA5MBMGByqGSM49AgEGCCqGSM49AwEHAyIAA70XfuqNl8tC08mkQYNRECW6bN6RlqLD"
    "P6rlQ0qXVtcvoAAwCgYIKoZIzj0EAwIDSAAwRQIhANGex6nW1HEDIQOd4I8sBZ1iVNvnXmqWAd51cOsx"
    "QLidAiANewIS0Yv0GDvEav/hUZZ0AfKTM97FFrscZ4unCkj3mQ==";

static const char csr_with_names[] =
    "MIH/MIGnAgEAMA4xDDAKBgNVBAMMA2FiYzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB4wWVxg+jSJ"
    "mpv7OO+nqEtfPzW2OEKyizhLF7WWNY1uWEw4F+ZIv4nghXKkQBQsC/9OWMJimINGgX2+dVPMnpagNzA1"
    "BgkqhkiG9w0BCQ4xKDAmMCQGA1UdEQQdMBuGGWhvbGRmYXN0Oi8vaC9jbHVzdGVyL2V2aWwwCgYIKoZI"
    "zj0EAwIDRwAwRAIgMY5s9w51Xvl4+MkcEh6oAKRJObVpccFD5AkMz49KrU8CIAbAiKoxeX22aPzTr1mt"
    "Kn31jTopn6RydRU0tRPEoI/C";

static const char csr_sha1[] =
    "MIG4MGICAQAwADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB4wWVxg+jSJmpv7OO+nqEtfPzW2OEKy"
    "izhLF7WWNY1uWEw4F+ZIv4nghXKkQBQsC/9OWMJimINGgX2+dVPMnpagADAJBgcqhkjOPQQBA0cAMEQC"
    "IFPw6r8bKiaEg+dJfw1nivxKG9yNe1+53I8240nr+dNdAiAQ/Pyk1VXVAqPpPTH9w6CArV4EwQV7FmdI"
    "e/K58kBWCA==";

static const char p384_key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDC+txI2HfKNoYNzYO8Z\n"
    "RPCBRpUElQuAc/KWngMrGUSgthwwmtWVpIDiY/YgCdyNKhahZANiAAR6VvEDt6mm\n"
    "5+6I3U1+O/UViJXHVt5J1VZY81BHQXG/f+OxrQ2D3otaDtCm9KhNeSdnYyc5FxTl\n"
    "7n5JnycwybRdDQkvDXy0vNZQfakq14Q21JSh/ZcgVcxqjX7if/TKmhQ=\n"
    "-----END PRIVATE KEY-----\n";
