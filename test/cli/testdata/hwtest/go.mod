module hw.test
go 1.26
