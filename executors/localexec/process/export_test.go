//go:build unix

package process

// Connected says that the host believes that its shepherd lives.
func (h *Host) Connected() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn != nil
}
