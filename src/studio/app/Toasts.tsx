/** Where short messages show: those from before are in the library's own store. */
import { Notifications } from '@mantine/notifications';

export const Toasts = () => <Notifications position="top-right" />;
