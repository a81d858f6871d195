"""Sixty natural English texts, each with the emotions that a careful reader would accept for it.

They were written without a look at any model's predictions. Three groups of twenty: negations, intensifiers (and
downtoners), emoji. Many form minimal pairs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    group: str
    text: str
    labels: frozenset[str]


def _item(group: str, text: str, *labels: str) -> Item:
    return Item(group, text, frozenset(labels))


ITEMS: tuple[Item, ...] = (
    _item("negation", "I'm happy with the hotel, would definitely stay again.", "joy"),
    _item("negation", "I'm not happy with the hotel at all, would not stay again.", "sadness", "anger"),
    _item("negation", "I'm not afraid of flying anymore! Just booked Lisbon for June.", "joy"),
    _item("negation", "I'm still afraid of flying, even after the course.", "fear"),
    _item("negation", "I'm not angry with you anymore, I just miss how close we used to be.", "sadness"),
    _item("negation", "I'm still angry with you. You read my diary and then lied about it.", "anger"),
    _item("negation", "I'm not even surprised, he cancels on me every single time.", "sadness", "anger"),
    _item("negation", "I'm honestly surprised, I never thought he'd show up.", "surprise"),
    _item("negation", "I've never felt more loved than I did this Christmas.", "love", "joy"),
    _item("negation", "I've never felt less loved than I did this Christmas.", "sadness"),
    _item("negation", "I don't think I could love this little guy more. He sleeps on my pillow every night.", "love"),
    _item("negation", "I don't love him anymore, and after twelve years it breaks my heart to say that.", "sadness"),
    _item("negation", "No one has ever made me feel as cared for as my wife does.", "love"),
    _item("negation", "Couldn't be happier with my new bike, best money I've spent all year.", "joy"),
    _item("negation", "Wasn't disappointed! The pasta was everything people said it would be.", "joy"),
    _item("negation", "Didn't see that ending coming at all.", "surprise"),
    _item("negation", "No way, that's not the same actor?! I had no idea.", "surprise"),
    _item("negation", "Don't you ever speak to my daughter like that again.", "anger"),
    _item("negation", "I don't feel safe walking home from the station since the street lights went.", "fear"),
    _item("negation", "I can't stop worrying about tomorrow's biopsy.", "fear"),
    _item("intensifier", "I'm absolutely thrilled with the new layout, everything is right where I need it.", "joy"),
    _item("intensifier", "I'm hardly thrilled with the new layout, and support just keeps ignoring me.", "anger"),
    _item("intensifier", "I was way too scared to go on it, my knees were shaking in the queue.", "fear"),
    _item("intensifier", "I was barely scared at all, I laughed the whole way round!", "joy"),
    _item("intensifier", "That concert was insanely good, I'm still grinning.", "joy"),
    _item("intensifier", "Terribly pleased with how the garden turned out this year.", "joy"),
    _item("intensifier", "Extremely annoyed that my parcel was left out in the rain. Again.", "anger"),
    _item("intensifier", "Kinda annoyed that you told everyone before I could.", "anger"),
    _item("intensifier", "A little nervous about the scan on Monday, not going to lie.", "fear"),
    _item("intensifier", "I'm really worried about my son, he hasn't answered his phone for two days.", "fear"),
    _item("intensifier", "Feeling a bit down today, the flat is so quiet without the kids.", "sadness"),
    _item("intensifier", "I'm utterly heartbroken, we had to say goodbye to our old dog this morning.", "sadness"),
    _item("intensifier", "I'm pretty sad they closed the little bookshop on our corner.", "sadness"),
    _item("intensifier", "I was slightly taken aback by the price, I'd expected half of that.", "surprise"),
    _item("intensifier", "Totally shocked, I'd have bet my house on the other team winning.", "surprise"),
    _item("intensifier", "Quite stunned that the quiet guy from accounting won karaoke night.", "surprise"),
    _item("intensifier", "Wow, way faster than I thought. Ordered last night, already here!", "surprise", "joy"),
    _item("intensifier", "I love you so, so much, you're the best sister anyone could ask for.", "love"),
    _item("intensifier", "I've grown rather fond of my grumpy old neighbour.", "love"),
    _item("intensifier", "My nephew is so ridiculously dear to me, I'd cross an ocean just to hug him.", "love"),
    _item("emoji", "Just got the results back 🎉", "joy"),
    _item("emoji", "Just got the results back 😢", "sadness"),
    _item("emoji", "My boss just called me into her office 😨", "fear"),
    _item("emoji", "My boss just called me into her office 😠", "anger"),
    _item("emoji", "Guess who's standing outside my house again 🥰", "love"),
    _item("emoji", "Guess who's standing outside my house again 😨", "fear"),
    _item("emoji", "She texted me after all these years ❤️", "love"),
    _item("emoji", "She texted me after all these years 😲", "surprise"),
    _item("emoji", "My brother told the whole table about it 😂", "joy"),
    _item("emoji", "My brother told the whole table about it 😡", "anger"),
    _item("emoji", "They changed the whole menu 😮", "surprise"),
    _item("emoji", "They changed the whole menu ☹️", "sadness"),
    _item("emoji", "Last day at this school 🎉", "joy"),
    _item("emoji", "Last day at this school 😭", "sadness"),
    _item("emoji", "Finally some time for the garden, what a lovely morning 😊", "joy"),
    _item("emoji", "Happy birthday to my favourite human, love you to the moon and back 😍", "love"),
    _item("emoji", "Some idiot keyed my car last night 🤬", "anger"),
    _item("emoji", "Something just moved under the bed and I live alone 😱", "fear"),
    _item("emoji", "Wait, you two are cousins?? 😲", "surprise"),
    _item("emoji", "I miss him every single day 💔", "sadness"),
)
