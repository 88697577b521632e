connected "$client" --batch --xml -- "$database"
