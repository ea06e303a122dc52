#include "control/control.h"

/* Backslashes stay, since patterns have them; a control character would spoil the line or the terminal. */
static void add_text(struct sbuf *out, const char *s)
{
	for (; *s != '\0'; s++)
		sbuf_addc(out, (unsigned char)*s < ' ' || *s == '\x7f' ? '?' : *s);
}

void control_report_item(const struct error_item *item, struct sbuf *out)
{
	if (item->file != NULL) {
		add_text(out, item->file);
		if (item->line > 0)
			sbuf_addf(out, ":%d", item->line);
		sbuf_add(out, ": ");
	}
	if (item->level == ERROR_WARNING)
		sbuf_add(out, "warning: ");
	add_text(out, item->text);
}

void control_report(const struct error_list *errors, struct sbuf *out)
{
	for (const struct error_item *i = errors->first; i != NULL; i = i->next) {
		control_report_item(i, out);
		sbuf_addc(out, '\n');
	}
}
