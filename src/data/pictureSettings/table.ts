/** Every tool whose settings are read from pictures, in the order in which they are asked: what says who it is before what many write. */
import { a1111Tool } from './a1111.ts';
import { comfyTool } from './comfyui.ts';
import { fooocusTool, ruinedFooocusTool } from './fooocus.ts';
import type { SettingsTool } from './found.ts';
import { invokeTool } from './invokeai.ts';
import { spacesTool } from './spaces.ts';
import { swarmTool } from './swarmui.ts';

/** Those that write JSON under A1111's keyword stand before it; A1111's text before a graph, since tools that run on ComfyUI may write both. */
export const settingsTools: readonly SettingsTool[] = [
  invokeTool,
  swarmTool,
  fooocusTool,
  ruinedFooocusTool,
  spacesTool,
  a1111Tool,
  comfyTool,
];
