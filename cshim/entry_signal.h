/* entry_signal.h: see entry_signal.c. */
#ifndef SSC_ENTRY_SIGNAL_H
#define SSC_ENTRY_SIGNAL_H

/* ssc_entry_signal_load finds the C library's functions. Called once, when the library is loaded. */
void ssc_entry_signal_load(void);

#endif
