package dagfile

func (b *dagBuilder) dump() string { return "" }
