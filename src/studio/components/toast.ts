/** Short messages that go away by themselves. */
import { notifications } from '@mantine/notifications';
import { problemOf } from '../store/problem.ts';

export function toast(title: string, message = ''): void {
  notifications.show({ title, message, autoClose: 5000 });
}

export function toastProblem(error: unknown): void {
  notifications.show({ message: problemOf(error).message, autoClose: 12000, color: 'red' });
}
