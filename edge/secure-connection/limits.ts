/** Bounds on what an issuer's chain may cost. */

/** Certificates of a chain, the root included. */
export const CHAIN_CERTIFICATES_MAX = 4;

/** Far above what a card certificate needs; long policies are what it keeps out. */
export const CERTIFICATE_BYTES_MAX = 4096;
