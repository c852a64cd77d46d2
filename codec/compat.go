package codec

// The compat forms: arrays of two that stand for JavaScript values which JSON
// lacks. RivetKit 2.3 writes them in all three encodings. A genuine array of
// two whose first element is a string that begins with a $ gets one more $.
const (
	compatBigInt      = "$BigInt"
	compatUint8Array  = "$Uint8Array"
	compatArrayBuffer = "$ArrayBuffer"
	compatUndefined   = "$Undefined"
	compatSet         = "$Set"
)
