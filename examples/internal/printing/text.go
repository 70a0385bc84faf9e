package printing

import (
	"fmt"
	"strings"
)

// Grouped is n, which is not negative, with a comma between thousands.
func Grouped[N int64 | uint64](n N) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// OneLine is the text of an error without line breaks: joined errors stand on a line
// each.
func OneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
