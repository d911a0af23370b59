// SPDX-License-Identifier: GPL-2.0
/*
 * left_crypto - registers an algorithm and uses another one, and gives nothing back
 */
#include <crypto/hash.h>
#include <crypto/internal/hash.h>
#include <linux/init.h>
#include <linux/module.h>

static int left_crypto_init_hash(struct shash_desc *desc)
{
	return 0;
}

static int left_crypto_update(struct shash_desc *desc, const u8 *data,
			      unsigned int len)
{
	return 0;
}

static int left_crypto_final(struct shash_desc *desc, u8 *out)
{
	*out = 0;
	return 0;
}

static struct shash_alg alg = {
	.digestsize = 1,
	.init = left_crypto_init_hash,
	.update = left_crypto_update,
	.final = left_crypto_final,
	.descsize = 8,
	.base = {
		.cra_name = "left_crypto",
		.cra_driver_name = "left_crypto-generic",
		.cra_blocksize = 1,
	},
};
static struct crypto_shash *hash;

static int __init left_crypto_init(void)
{
	int err;

	err = crypto_register_shash(&alg);
	if (err)
		return err;
	hash = crypto_alloc_shash("sha256", 0, 0);
	err = PTR_ERR_OR_ZERO(hash);
	if (err)
		goto undo_1;
	return 0;

undo_1:
	crypto_unregister_shash(&alg);
	return err;
}

static void __exit left_crypto_exit(void)
{
	pr_info("left_crypto: nothing is given back\n");
}

module_init(left_crypto_init);
module_exit(left_crypto_exit);
MODULE_DESCRIPTION("registers an algorithm and uses another one");
MODULE_LICENSE("GPL");
