package eightbit

import "testing"

// TestEveryCode compares with the definition, for all codes and for lengths around what the kernels take at once.
func TestEveryCode(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 7, 8, 31, 32, 1023, 1024, 1025, 4099} {
		u, s := make([]byte, 2*n), make([]byte, 2*n)
		for i := range u {
			u[i] = byte(i)
			s[i] = byte(i)
		}
		x, y := make([]complex64, n+1), make([]complex64, n+1)
		Unsigned(x[:n], u)
		Signed(y[:n], s)
		for i := range n {
			a, b := byte(2*i), byte(2*i+1)
			wantU := complex((float32(a)-127.5)/127.5, (float32(b)-127.5)/127.5)
			wantS := complex(float32(int8(a))/128, float32(int8(b))/128)
			if d := x[i] - wantU; max(real(d), -real(d), imag(d), -imag(d)) > 1e-7 {
				t.Fatalf("unsigned %d, %d of %d: got %v, want %v", a, b, n, x[i], wantU)
			}
			if y[i] != wantS {
				t.Fatalf("signed %d, %d of %d: got %v, want %v", a, b, n, y[i], wantS)
			}
		}
		if x[n] != 0 || y[n] != 0 {
			t.Fatalf("wrote behind %d samples", n)
		}
	}
}
