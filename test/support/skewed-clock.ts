// Loaded before a program (node --import), it sets the wall clock that the program reads MESHGATE_TEST_SKEW_MS apart from the machine's.
const skewMs = Number(process.env['MESHGATE_TEST_SKEW_MS'] ?? 0)
const now = Date.now.bind(Date)
Date.now = () => now() + skewMs
