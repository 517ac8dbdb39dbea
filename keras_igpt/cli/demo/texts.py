"""Words of the demo's page, in the languages that it speaks.

The browser chooses by its own language; English is for all that have no
table here. What a model reads, such as captions and classes, stays as it is.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio

# Gradio has words of its own, and some by the same keys.
PREFIX = "keras_igpt_"

TEXTS = {
    "en": {
        "here": "Everything is computed on this machine.",
        "model": "Model",
        # Tabs
        "tab_generate": "Generate",
        "tab_edit": "Edit",
        "tab_compose": "Compose",
        "tab_tokens": "Tokens",
        "tab_history": "History",
        # What is asked
        "caption_generate": "Caption: what to generate",
        "caption_edit": "Caption: said of the result",
        "caption_compose": "Caption: around it",
        "caption_tokens": "Caption: under which it is read",
        "class_generate": "Class: what to generate",
        "class_edit": "Class: said of the result",
        "class_compose": "Class: around it",
        "class_tokens": "Class: under which it is read",
        "anything": "anything",
        # How to sample
        "count": "Images",
        "seed": "Seed",
        "seed_info": "Same seed, same images.",
        "guidance_scale": "Guidance scale",
        "guidance_scale_info": "1 is off.",
        "temperature": "Temperature",
        "temperature_info": "How boldly.",
        "top_k": "Top-k",
        "top_k_info": "0 is off.",
        "top_p": "Top-p",
        "top_p_info": "1 is off.",
        "negative_text": "Not wanted",
        "negative_text_info": "Guidance leads away from it.",
        "steps": "Steps",
        "steps_info": "Few are fast, many are careful.",
        # Images
        "open": "Open an image …",
        "let_generate": "Let the model generate one",
        "canvas": "Draw over what is to be generated anew",
        "images": "Images",
        "results": "Results",
        "compared": "Before and after",
        "download_given": "Download what was given to the model",
        # Edits
        "edit": "What to do",
        "border": "Percent to add on each side",
        "paste_back": "Keep my image's own size",
        "box": "Or a box: left, top, right, bottom, in percent",
        "inpaint": "Generate anew what I draw over",
        "outpaint": "Extend on all sides",
        "upscale": "Enlarge",
        "colorize": "Colorize",
        "denoise": "Denoise",
        "restyle": "Restyle",
        # Composing
        "kept": "What is kept",
        "glyphs": "Draw the quoted word as it is spelled",
        "size": "Its height, in percent",
        "left": "Left",
        "top": "Top",
        # Tokens
        "image": "Image",
        "cells": "Cell by cell",
        "nats_all": "nats: how much the whole image surprises",
        "nats_each": "nats: how much a token of it does",
        "nats_blind": "nats: how much a token would if guessed blindly",
        # Buttons
        "generate": "Generate",
        "compose": "Compose",
        "start_edit": "Edit",
        "read": "Read",
        "stop": "Stop",
        # History
        "history_info": "Your images of this visit, the newest first. Choose "
        "one to see how it was made.",
        "command": "The command that makes it again",
        "same_again": "Same again with …",
        "failed": "That did not work",
    },
    "zh-CN": {
        "here": "一切都在这台机器上计算。",
        "model": "模型",
        # Tabs
        "tab_generate": "生成",
        "tab_edit": "编辑",
        "tab_compose": "构图",
        "tab_tokens": "词元",
        "tab_history": "历史",
        # What is asked
        "caption_generate": "描述：要生成什么",
        "caption_edit": "描述：结果是什么",
        "caption_compose": "描述：周围是什么",
        "caption_tokens": "描述：按它来读图",
        "class_generate": "类别：要生成什么",
        "class_edit": "类别：结果是什么",
        "class_compose": "类别：周围是什么",
        "class_tokens": "类别：按它来读图",
        "anything": "任意",
        # How to sample
        "count": "张数",
        "seed": "种子（seed）",
        "seed_info": "种子相同，图像就相同。",
        "guidance_scale": "引导强度（guidance scale）",
        "guidance_scale_info": "1 为关闭。",
        "temperature": "温度（temperature）",
        "temperature_info": "越高越大胆。",
        "top_k": "Top-k",
        "top_k_info": "0 为关闭。",
        "top_p": "Top-p",
        "top_p_info": "1 为关闭。",
        "negative_text": "不要什么",
        "negative_text_info": "引导会远离它。",
        "steps": "步数（steps）",
        "steps_info": "少则快，多则细。",
        # Images
        "open": "打开图像 …",
        "let_generate": "让模型生成一张",
        "canvas": "涂抹要重新生成的部分",
        "images": "图像",
        "results": "结果",
        "compared": "前后对比",
        "download_given": "下载交给模型的图像",
        # Edits
        "edit": "做什么",
        "border": "每边增加的百分比",
        "paste_back": "保持原图的大小",
        "box": "或用方框：左、上、右、下（百分比）",
        "inpaint": "重新生成涂抹的部分",
        "outpaint": "向四周扩展",
        "upscale": "放大",
        "colorize": "上色",
        "denoise": "去噪",
        "restyle": "转换风格",
        # Composing
        "kept": "保留的部分",
        "glyphs": "把引号里的词照样画出来",
        "size": "高度（百分比）",
        "left": "左",
        "top": "上",
        # Tokens
        "image": "图像",
        "cells": "逐格",
        "nats_all": "nats：整张图像让模型多意外",
        "nats_each": "nats：平均每个词元",
        "nats_blind": "nats：盲猜时每个词元",
        # Buttons
        "generate": "生成",
        "compose": "构图",
        "start_edit": "编辑",
        "read": "读图",
        "stop": "停止",
        # History
        "history_info": "这次访问中生成的图像，最新的在前。选一张，看它是"
        "怎样生成的。",
        "command": "重新生成它的命令",
        "same_again": "同样再来，改一处 …",
        "failed": "没有成功",
    },
}


def text(key: str) -> str:
    """Words that the browser puts in its own language.

    Args:
        key: of `TEXTS`. A string of the page may hold one of them, with
            figures and names around it.
    """
    from gradio.i18n import I18nData

    if key not in TEXTS["en"]:
        raise ValueError(
            f"`key` must be one of `TEXTS`. Received: key={key!r}."
        )
    return str(I18nData(PREFIX + key))


def translations() -> "gradio.I18n":
    """All of `TEXTS`, as gradio sends them to the browser."""
    import gradio as gr

    return gr.I18n(
        **{
            language: {PREFIX + key: words for key, words in table.items()}
            for language, table in TEXTS.items()
        }
    )
