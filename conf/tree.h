/*
 * From a scanned text to the tree, by way of libconfig.  For this folder alone.
 */
#ifndef MILLGATE_CONF_TREE_H
#define MILLGATE_CONF_TREE_H

#include "conf/conf.h"
#include "conf/scan.h"

/* The tree of what was scanned; file stands for the root.  NULL with an error added. */
struct conf_node *conf_tree(const struct scan *s, const char *file, struct arena *a, struct error_list *errors);

/* Hangs node behind the last child of parent. */
void conf_tree_append(struct conf_node *parent, struct conf_node *node);

#endif
