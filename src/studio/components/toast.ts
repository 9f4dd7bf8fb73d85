/** Short messages that go away by themselves. */
import { notifications } from '@mantine/notifications';
import { isCancelled, problemOf } from '../store/problem.ts';

export function toast(title: string, message = ''): void {
  notifications.show({ title, message, autoClose: 5000 });
}

export function toastProblem(error: unknown): void {
  if (isCancelled(error)) return;
  notifications.show({ message: problemOf(error).message, autoClose: 12000, color: 'red' });
}

/** Does what was asked for; where that fails and nobody else says so, a message does. */
export function attempt(perform: () => unknown): void {
  void (async () => perform())().catch(toastProblem);
}
