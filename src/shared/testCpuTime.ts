/** Milliseconds that this process has computed so far, its workers too: tests that hold a reader to time that grows with its input ask for
 *  this, not for the clock, which runs on while others have the processor. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
