// SPDX-License-Identifier: MIT

package leaks

// The table of pairs. Functions of the kernel's lib and kernel/trace folders are missing, for tracefs takes no probe in
// them; so are those of modules, which are not loaded yet when the probes are set.

// handsPages are imports that hand pages over to somebody who frees them in batches.
const handsPages = "vm_insert_page vm_insert_pages vmf_insert_page vmf_insert_page_mkwrite vmf_insert_pfn " +
	"vmf_insert_pfn_pmd vmf_insert_pfn_pud vm_map_pages vm_map_pages_zero " +
	"remap_pfn_range skb_add_rx_frag skb_add_rx_frag_netmem skb_append_pagefrags build_skb napi_build_skb slab_build_skb " +
	"bio_add_page __bio_add_page bio_add_folio bio_add_folio_nofail kernel_sendpage kernel_sendmsg sock_sendmsg " +
	"add_to_page_cache_lru " +
	"filemap_add_folio add_to_pipe splice_to_pipe iov_iter_bvec release_pages __folio_batch_release folios_put_refs " +
	"put_pages_list __pagevec_release add_to_page_cache_locked xdp_do_redirect " +
	"xdp_return_frame page_frag_free __page_frag_cache_drain page_frag_cache_drain mempool_free mempool_free_bulk " +
	"balloon_page_enqueue vmap"

var memoryPairs = []Pair{
	{
		Area: "Memory", Class: memory, One: "pages", Many: "blocks of pages", Moot: handsPages, Twice: true,
		Take: "__get_free_pages(_,^)=* get_free_pages(_,^)=* get_zeroed_page()=* alloc_pages(_,^)=* " +
			"alloc_pages_current(_,^)=* __alloc_pages(_,^)=* __alloc_pages_nodemask(_,^)=* folio_alloc(_,^)=* " +
			"alloc_pages_node(_,_,^)=* alloc_pages_nolock(_,_,^)=*",
		Give: "free_pages(*) __free_pages(*) __put_page(*) __folio_put(*) free_pages_exact(*) ___free_pages(*) " +
			"free_pages_nolock(*)",
	},
	{
		Area: "Memory", Class: memory, One: "pages", Many: "blocks of pages",
		Take: "alloc_pages_exact($)=* alloc_pages_exact_nid(_,$)=*", Give: "free_pages_exact(*)",
		Moot: "free_pages __free_pages " + handsPages,
	},
	{
		Area: "Memory", Class: memory, One: "per-CPU memory", Many: "blocks of per-CPU memory",
		Take: "__alloc_percpu($)=* __alloc_percpu_gfp($)=* pcpu_alloc($)=*", Give: "free_percpu(*)",
	},
	{
		Area: "Memory", Class: memory, One: "a slab cache (%s)", Many: "slab caches", Shows: "/sys/kernel/slab/*",
		Take: "kmem_cache_create(s)=* kmem_cache_create_usercopy(s)=* __kmem_cache_create_args(s)=*",
		Give: "kmem_cache_destroy(*)",
	},
	{
		Area: "Memory", Class: memory, One: "a mapping of device memory", Many: "mappings of device memory",
		Take: "ioremap(_,$)=* ioremap_wc(_,$)=* ioremap_wt(_,$)=* ioremap_uc(_,$)=* ioremap_cache(_,$)=* " +
			"ioremap_prot(_,$)=* ioremap_encrypted(_,$)=* memremap(_,$)=*",
		Give: "iounmap(*) memunmap(*)", Moot: "pci_iounmap",
	},
	{
		Area: "Memory", Class: memory, One: "a mapping of pages", Many: "mappings of pages",
		Take: "vmap()=* vmap_pfn()=*", Give: "vunmap(*) vfree(*)",
	},
	{
		Area: "Memory", Class: memory, One: "DMA memory", Many: "blocks of DMA memory",
		Take: "dma_alloc_attrs(_,$)=*", Give: "dma_free_attrs(_,_,*)",
	},
	{
		Area: "Memory", Class: memory, One: "DMA pages", Many: "blocks of DMA pages",
		Take: "dma_alloc_pages(_,$)=*", Give: "dma_free_pages(_,_,*)",
	},
	{
		Area: "Memory", Class: memory, One: "a DMA pool (%s)", Many: "DMA pools",
		Take: "dma_pool_create(s)=* dma_pool_create_node(s)=*", Give: "dma_pool_destroy(*)",
	},
	{
		Area: "Memory", Class: memory, One: "a block of a DMA pool", Many: "blocks of DMA pools",
		Take: "dma_pool_alloc()=*", Give: "dma_pool_free(_,*)", Moot: "dma_pool_destroy",
	},
	{
		Area: "Memory", Class: memory, One: "a memory pool", Many: "memory pools",
		Take: "mempool_create()=* mempool_create_node()=*", Give: "mempool_destroy(*)",
	},
	{
		Area: "Memory", Class: memory, One: "a memory pool", Many: "memory pools",
		Take: "mempool_init(*)=0 mempool_init_node(*)=0", Give: "mempool_exit(*)",
	},
	{
		Area: "Memory", Class: memory, One: "a set of bios", Many: "sets of bios",
		Take: "bioset_init(*)=0", Give: "bioset_exit(*)",
	},
	{
		Area: "Memory", Class: registration, One: "a region of ports or memory (%s)", Many: "regions of ports or memory",
		Take: "__request_region(*,*,$,s)=p", Give: "__release_region(*,*)",
		Moot: "release_resource remove_resource",
	},
	{
		Area: "Memory", Class: registration, One: "a resource", Many: "resources",
		Take: "request_resource(_,*)=0 insert_resource(_,*)=0",
		Give: "release_resource(*) remove_resource(*)", Moot: "__release_region",
	},
	{
		Area: "Memory", Class: registration, One: "a shrinker", Many: "shrinkers",
		Take: "register_shrinker(*)=0", Give: "unregister_shrinker(*)",
	},
	{
		Area: "Memory", Class: registration, One: "a shrinker", Many: "shrinkers",
		Take: "shrinker_alloc()=*", Give: "shrinker_free(*)",
	},
	{
		Area: "Memory", Class: registration, One: "an MMU notifier", Many: "MMU notifiers",
		Take: "mmu_notifier_register(*)=0 __mmu_notifier_register(*)=0",
		Give: "mmu_notifier_unregister(*) mmu_notifier_put(*)", Moot: "mmu_notifier_get_locked",
	},
	{
		Area: "Memory", Class: registration, One: "an SRCU structure", Many: "SRCU structures",
		Take: "init_srcu_struct(*)=0 __init_srcu_struct(*)=0 init_srcu_struct_generic(*)=0 init_srcu_struct_lockdep(*)=0 " +
			"init_srcu_struct_fast(*)=0 __init_srcu_struct_fast(*)=0 init_srcu_struct_fast_updown(*)=0",
		Give: "cleanup_srcu_struct(*)",
	},
}
