// The colour scheme is set before the first paint, so that a dark page never flashes white.
try {
  const chosen = localStorage.getItem('mantine-color-scheme-value') || 'auto';
  const dark = chosen === 'dark' || (chosen === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.mantineColorScheme = dark ? 'dark' : 'light';
} catch {}
